import { z } from "zod";

/** An origin as browsers spell it: scheme, host, port if it is not the scheme's own. */
const isOrigin = (text: string) =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;

/** A setting that lists the origins that browsers may call from, separated by commas. */
export const Origins = z
  .string()
  .default("")
  .transform((text, ctx) => {
    const origins = text.split(",").flatMap((part) => part.trim() || []);
    // Compared letter by letter with what browsers send, so a slash too many would match nobody.
    origins.forEach((origin, index) => {
      if (!isOrigin(origin)) {
        ctx.addIssue(`entry ${index + 1} is no origin such as https://app.example.com`);
      }
    });
    return origins;
  });
