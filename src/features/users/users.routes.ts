import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { presentUser } from "./users.present.ts";
import {
  NewUser,
  PasswordChange,
  ProfileChanges,
  User,
  UserChanges,
  UserPage,
  UserQuery,
} from "./users.schemas.ts";
import * as users from "./users.service.ts";

const TAG = "Users";

export const usersRouter = createRouter();

mount(
  usersRouter,
  endpoint({
    method: "get",
    path: "/users",
    operationId: "listUsers",
    summary: "List users",
    tag: TAG,
    doors: "tenant",
    access: "users:read",
    query: UserQuery,
    response: { status: 200, description: "Users in the order of their making.", schema: UserPage },
  }),
  {
    handle: (ctx, { query }) => users.list(ctx, query),
    present: (page, ctx) => ({
      body: {
        data: page.items.map((user) => presentUser(user, ctx.principal)),
        next_cursor: page.nextCursor,
      },
    }),
  },
);

mount(
  usersRouter,
  endpoint({
    method: "post",
    path: "/users",
    operationId: "createUser",
    summary: "Add a user",
    tag: TAG,
    doors: "tenant",
    access: "users:write",
    body: NewUser,
    response: {
      status: 201,
      description: "The new user.",
      schema: User,
      headers: ["ETag", "Location"],
    },
    problems: ["email-taken", "overloaded"],
  }),
  {
    handle: (ctx, { body }) => users.create(ctx, body),
    present: (user, ctx) => ({
      body: presentUser(user, ctx.principal),
      version: user.version,
      location: `/users/${user.id}`,
    }),
  },
);

mount(
  usersRouter,
  endpoint({
    method: "put",
    path: "/users/profile",
    operationId: "updateProfile",
    summary: "Change one's own name",
    tag: TAG,
    doors: "both",
    access: "signed-in",
    body: ProfileChanges,
    response: {
      status: 200,
      description: "The caller as changed.",
      schema: User,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { body, ifMatch }) => users.updateProfile(ctx, body, ifMatch),
    present: (user, ctx) => ({ body: presentUser(user, ctx.principal), version: user.version }),
  },
);

mount(
  usersRouter,
  endpoint({
    method: "post",
    path: "/users/change-password",
    operationId: "changePassword",
    summary: "Change one's own password",
    description: "Ends all other sessions of the caller.",
    tag: TAG,
    doors: "both",
    access: "signed-in",
    adds: "nothing",
    body: PasswordChange,
    response: { status: 204, description: "The password is changed." },
    problems: ["wrong-password", "sign-in-locked", "conflict", "overloaded"],
  }),
  {
    handle: (ctx, { body }) => users.changePassword(ctx, body),
    present: () => ({}),
  },
);

mount(
  usersRouter,
  endpoint({
    method: "get",
    path: "/users/{id}",
    operationId: "getUser",
    summary: "One user",
    tag: TAG,
    doors: "tenant",
    access: "users:read",
    params: idParams("user"),
    response: {
      status: 200,
      description: "The user.",
      schema: User,
      headers: ["ETag"],
    },
  }),
  {
    handle: (ctx, { params }) => users.get(ctx, params.id),
    present: (user, ctx) => ({ body: presentUser(user, ctx.principal), version: user.version }),
  },
);

mount(
  usersRouter,
  endpoint({
    method: "put",
    path: "/users/{id}",
    operationId: "updateUser",
    summary: "Change a user",
    description: "A change of role takes effect everywhere within 5 seconds.",
    tag: TAG,
    doors: "tenant",
    access: "users:write",
    params: idParams("user"),
    body: UserChanges,
    response: {
      status: 200,
      description: "The user as changed.",
      schema: User,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict", "email-taken", "last-admin"],
  }),
  {
    handle: (ctx, { params, body, ifMatch }) => users.update(ctx, params.id, body, ifMatch),
    present: (user, ctx) => ({ body: presentUser(user, ctx.principal), version: user.version }),
  },
);

mount(
  usersRouter,
  endpoint({
    method: "delete",
    path: "/users/{id}",
    operationId: "deleteUser",
    summary: "Remove a user",
    description: "Ends the user's sessions too. The last admin stays.",
    tag: TAG,
    doors: "tenant",
    access: "users:write",
    params: idParams("user"),
    response: { status: 204, description: "The user is gone." },
    problems: ["precondition-failed", "conflict", "last-admin"],
  }),
  {
    handle: (ctx, { params, ifMatch }) => users.remove(ctx, params.id, ifMatch),
    present: () => ({}),
  },
);

mount(
  usersRouter,
  endpoint({
    method: "post",
    path: "/users/{id}/unlock",
    operationId: "unlockUser",
    summary: "Lift a user's sign-in lock",
    tag: TAG,
    doors: "tenant",
    access: "users:write",
    adds: "nothing",
    params: idParams("user"),
    response: {
      status: 200,
      description: "The user, free to sign in.",
      schema: User,
      headers: ["ETag"],
    },
  }),
  {
    handle: (ctx, { params }) => users.unlock(ctx, params.id),
    present: (user, ctx) => ({ body: presentUser(user, ctx.principal), version: user.version }),
  },
);
