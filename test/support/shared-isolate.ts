/** What files that share an isolate begin with, besides what all begin with. */
import { startIsolateClock } from "./isolate-clock.ts";

startIsolateClock();
