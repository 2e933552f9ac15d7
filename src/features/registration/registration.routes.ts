import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { presentUser } from "../users/index.ts";
import { Invitation, NewInvitation, Registered, Registration } from "./registration.schemas.ts";
import * as registration from "./registration.service.ts";

const TAG = "Registration";

export const registrationRouter = createRouter();

mount(
  registrationRouter,
  endpoint({
    method: "post",
    path: "/auth/register",
    operationId: "register",
    summary: "Register a company",
    description:
      "Gives the company a database, a door and keys of its own, and signs its admin in. " +
      "The tenant is usable at once.",
    tag: TAG,
    doors: "platform",
    access: "public",
    limit: "sign-in",
    idempotency: "off",
    body: Registration,
    response: {
      status: 201,
      description: "The tenant and its admin's tokens.",
      schema: Registered,
    },
    problems: [
      "registration-closed",
      "invalid-invitation",
      "registration-limit",
      "slug-reserved",
      "slug-taken",
      "pool-exhausted",
      "misdirected",
      "overloaded",
    ],
  }),
  {
    handle: (ctx, { body }) => registration.register(ctx, body),
    present: ({ tenant, entry }) => ({
      body: {
        tenant,
        ...entry.tokens,
        user: presentUser(entry.user, entry.user),
        device_token: entry.deviceToken,
      },
    }),
  },
);

mount(
  registrationRouter,
  endpoint({
    method: "post",
    path: "/invitations",
    operationId: "createInvitation",
    summary: "Invite a company",
    description: "One company may register with it, where registration is by invitation.",
    tag: TAG,
    doors: "platform",
    access: "invitations:write",
    idempotency: "off",
    body: NewInvitation,
    response: { status: 201, description: "The invitation.", schema: Invitation },
  }),
  {
    handle: (ctx, { body }) => registration.invite(ctx, body.expires_in_days),
    present: ({ id, token, expiresAt }) => ({
      body: { id, token, expires_at: expiresAt.toISOString() },
    }),
  },
);
