/** Bindings by which the local router reaches the cells' handlers of crons begin with this. */
export const CLOCK_PREFIX = "CLOCK_";
