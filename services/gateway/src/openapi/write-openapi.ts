import { writeFile } from "node:fs/promises";
import { OPENAPI_FILE, openApiText } from "./openapi-text.js";

await writeFile(OPENAPI_FILE, openApiText());
