import type {
  HomeAssistantComponent,
  HomeAssistantConfig,
} from "@outrider/contracts/home-assistant";
import { formOf, keyOf, type Document } from "./forms.js";

/** What is to be said of a device, and what is to be taken back. */
export interface Announcement {
  readonly say: readonly Document[];
  /** Documents that say it once more without what has gone, some time after. */
  readonly after: readonly Document[];
  /** Topics to clear. */
  readonly clear: readonly Document[];
}

/**
 * What leads from what stands on the broker to what shall. Of an entity that goes, a device's document names the
 * platform alone for a while, which is how Home Assistant learns it. Pure.
 * @param standing what was said of the same device before, in this form
 * @param complete false: what stands and is not wanted may belong to somebody who has not spoken yet, and stays
 */
export function announcement(
  wanted: readonly Document[],
  standing: readonly Document[],
  complete: boolean,
): Announcement {
  const say: Document[] = [];
  const after: Document[] = [];
  const before = new Map(standing.map((one) => [keyOf(one), one]));
  for (const document of wanted) {
    const key = keyOf(document);
    const gone = goneFrom(before.get(key)?.config, document.config);
    before.delete(key);
    if (Object.keys(gone).length === 0) say.push(document);
    else if (!complete) say.push(withComponents(document, gone));
    else {
      const farewell = Object.entries(gone).map(([name, { platform }]) => [name, { platform }]);
      say.push(withComponents(document, Object.fromEntries(farewell)));
      after.push(document);
    }
  }
  const left = [...before.values()];
  // A whole device goes only when nobody wants it, which is no question of who has spoken.
  const clear =
    complete || wanted.length === 0 ? left : left.filter((one) => formOf(one) === "device");
  return { say, after, clear };
}

function withComponents(
  { levels, config }: Document,
  more: Readonly<Record<string, HomeAssistantComponent>>,
): Document {
  return { levels, config: { ...config, components: { ...config.components, ...more } } };
}

/** The entities of one document that another has not. What was bidden farewell already has no more than its platform. */
function goneFrom(
  before: HomeAssistantConfig | undefined,
  now: HomeAssistantConfig,
): Record<string, HomeAssistantComponent> {
  return Object.fromEntries(
    Object.entries(before?.components ?? {}).filter(
      ([name, one]) => !(name in (now.components ?? {})) && Object.keys(one).length > 1,
    ),
  );
}
