/** The API reference: the OpenAPI document and the page that shows it. */
export { documentFor } from "./document.ts";
export { createReference } from "./reference.routes.ts";
