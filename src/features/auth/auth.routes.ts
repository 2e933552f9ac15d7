import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { presentUser, User } from "../users/index.ts";
import { Refresh, SignedInUser, SignIn, SignOut, Tokens } from "./auth.schemas.ts";
import * as auth from "./auth.service.ts";

const TAG = "Sign-in";

export const authRouter = createRouter();

mount(
  authRouter,
  endpoint({
    method: "post",
    path: "/auth/login",
    operationId: "signIn",
    summary: "Sign in",
    description:
      "On a tenant's door for its users. On the platform door for operators, or with " +
      "`tenant_slug` for that tenant's users; the tokens are then for the tenant's door.",
    tag: TAG,
    doors: "both",
    access: "public",
    limit: "sign-in",
    idempotency: "off",
    body: SignIn,
    response: { status: 200, description: "Tokens and the user.", schema: SignedInUser },
    problems: [
      "invalid-credentials",
      "sign-in-locked",
      "tenant-suspended",
      "misdirected",
      "overloaded",
    ],
  }),
  {
    handle: (ctx, { body }) => auth.signIn(ctx, body),
    present: ({ user, tokens, deviceToken }) => ({
      body: {
        ...tokens,
        user: presentUser(user, user),
        device_token: deviceToken,
      },
    }),
  },
);

mount(
  authRouter,
  endpoint({
    method: "post",
    path: "/auth/refresh",
    operationId: "refresh",
    summary: "Exchange a refresh token",
    description:
      "Each refresh token works once. Its parent, within 10 seconds, is told that it was " +
      "superseded; an older one ends the session.",
    tag: TAG,
    doors: "both",
    access: "public",
    limit: "sign-in",
    idempotency: "off",
    body: Refresh,
    response: { status: 200, description: "New tokens.", schema: Tokens },
    problems: ["invalid-refresh-token", "refresh-superseded", "tenant-suspended"],
  }),
  {
    handle: (ctx, { body }) => auth.refresh(ctx, body.refresh_token),
    present: (tokens) => ({ body: tokens }),
  },
);

mount(
  authRouter,
  endpoint({
    method: "post",
    path: "/auth/logout",
    operationId: "signOut",
    summary: "Sign out",
    tag: TAG,
    doors: "both",
    access: "signed-in",
    adds: "nothing",
    body: SignOut,
    response: { status: 204, description: "The session, or every session, is over." },
  }),
  {
    handle: (ctx, { body }) => auth.signOut(ctx, body.all),
    present: () => ({}),
  },
);

mount(
  authRouter,
  endpoint({
    method: "get",
    path: "/auth/me",
    operationId: "getMe",
    summary: "Who the caller is",
    tag: TAG,
    doors: "both",
    access: "signed-in",
    response: {
      status: 200,
      description: "The caller.",
      schema: User,
      headers: ["ETag"],
    },
  }),
  {
    handle: (ctx) => auth.whoAmI(ctx),
    present: (user, ctx) => ({ body: presentUser(user, ctx.principal), version: user.version }),
  },
);
