import { describe, expect, it } from "vitest";
import { describedSchema, readOptionWords, wordsIn } from "./option-words.js";
import { listDrivers, loadDriver } from "./registry.js";

type Properties = Readonly<Record<string, { readonly description?: string }>>;
const propertiesOf = (schema: object): Properties =>
  (schema as { properties?: Properties }).properties ?? {};

describe("what options mean", () => {
  it("is read from the comments of declarations, whatever their lines", () => {
    const found = wordsIn(
      [
        "/** Not of a property. */",
        "export declare class Whole extends Base {",
        "    /** Name of the device. */",
        "    host: string;",
        "    bare?: number;",
        "    /**",
        "     * Two lines",
        "     * of words.",
        "     */",
        "    port?: number;",
        "}",
        "export declare class Base {",
        "    /** Of the parent. */",
        "    waitMs?: number;",
        "}",
      ].join("\n"),
    );
    expect(found.get("Whole")?.parent).toBe("Base");
    expect([...(found.get("Whole")?.words ?? [])]).toEqual([
      ["host", "Name of the device."],
      ["port", "Two lines of words."],
    ]);
    expect(found.get("Base")?.words.get("waitMs")).toBe("Of the parent.");
  });

  it("is published with their schema, also what they inherit and what secrets are", async () => {
    const { options } = await loadDriver("power", "snmp-poe");
    const schema = describedSchema(options, await readOptionWords());
    const own = propertiesOf(schema);
    expect(own["port"]?.description).toMatch(/PoE table/);
    expect(own["host"]?.description).toMatch(/device/);
    const { SecretReference } = schema["definitions"] as Record<string, object>;
    expect(propertiesOf(SecretReference ?? {})["file"]?.description).toMatch(/agent's host/);
  });

  it("is said of every option of every driver", async () => {
    const words = await readOptionWords();
    const silent: string[] = [];
    for (const { port, driver } of await listDrivers()) {
      const { options } = await loadDriver(port, driver);
      for (const [name, { description }] of Object.entries(
        propertiesOf(describedSchema(options, words)),
      )) {
        if (description === undefined) silent.push(`${port}/${driver} ${name}`);
      }
    }
    expect(silent).toEqual([]);
  });
});
