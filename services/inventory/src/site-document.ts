import { CATALOG } from "@outrider/contracts/catalog";
import { TOPIC_ROOT } from "@outrider/contracts/contract";
import type { Site as SiteDocument } from "@outrider/contracts/service";

/** The bus describes itself: the public topics, and the title of each one's schema. */
export function siteDocument(name: string, version: string): SiteDocument {
  const open = CATALOG.filter(({ audience }) => audience === "public");
  return {
    name,
    version,
    topics: open.map(({ template }) => TOPIC_ROOT + template),
    schemas: Object.fromEntries(
      open.map(({ template, payload }) => [TOPIC_ROOT + template, payload.name]),
    ),
  };
}
