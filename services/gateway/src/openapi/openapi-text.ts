import { ROUTES } from "../routes/table.js";
import { VERSION } from "../version.js";
import { openApi } from "./openapi.js";

/** Where the description of the API is kept for those who read the repository. */
export const OPENAPI_FILE = new URL("../../../../docs/reference/openapi.json", import.meta.url);

let text: string | undefined;

/** The description of the API as JSON. */
export function openApiText(): string {
  text ??= `${JSON.stringify(openApi(ROUTES, VERSION), undefined, 2)}\n`;
  return text;
}
