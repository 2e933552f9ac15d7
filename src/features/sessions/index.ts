/** Sessions, their refresh tokens and devices: what a sign-in leaves behind. */

export {
  endSession,
  endSessionsOf,
  eraseSessionsOf,
  forgetDevices,
  isKnownDevice,
  newRefreshToken,
  rememberDevice,
  rotateRefreshToken,
  startSession,
} from "./session-steps.repository.ts";
export { sessionsRouter } from "./sessions.routes.ts";
export { devices, refreshTokens, sessions } from "./sessions.tables.ts";
