import { agentId, nodeId } from "@outrider/contracts/ids";
import { describe, expect, it } from "vitest";
import { banner, type BannerFacts } from "./banner.js";

const FACTS: BannerFacts = {
  version: "1",
  site: "demo",
  door: { url: "mqtt://127.0.0.1:1883", host: "127.0.0.1", port: 1883 },
  webUrl: "http://127.0.0.1:8080",
  nodes: [nodeId("n1"), nodeId("n2")],
  demo: { found: false, virtualMachine: undefined },
  notYet: [],
  newAgents: [],
};

describe("the banner", () => {
  it("prints commands that work as they stand", () => {
    const text = banner(FACTS);
    expect(text).toContain("\n  npx outrider power cycle n1\n");
    expect(text).toContain(
      "\n  mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -t outrider/v1/node/n1/power/set -m PowerCycle\n",
    );
  });

  it("says where consoles are, and whose host key it is", () => {
    const ssh = { host: "127.0.0.1", port: 2222, fingerprint: "SHA256:x", node: nodeId("n2") };
    const text = banner({ ...FACTS, ssh });
    expect(text).toContain(
      "\nconsoles  ssh n2@127.0.0.1 -p 2222\n" +
        "host key  SHA256:x; where ssh knows an older one: ssh-keygen -R '[127.0.0.1]:2222'\n",
    );
    expect(text).toContain("\n  npx outrider console n2\n");
    expect(banner({ ...FACTS, ssh, demo: undefined })).toContain("\nhost key  SHA256:x\n");
    expect(banner(FACTS)).not.toContain("consoles");
  });

  it("names broker, user and secret where they are not what the command line takes by itself", () => {
    const text = banner({
      ...FACTS,
      demo: undefined,
      webUrl: "http://127.0.0.1:9080",
      administrator: { name: "admin", passwordFile: "/d/secrets/first-admin" },
      door: {
        url: "mqtt://127.0.0.1:2883",
        host: "127.0.0.1",
        port: 2883,
        username: "operator",
        password: "hidden",
        secretFile: "/my data/secret",
      },
    });
    expect(text).toContain(
      "\n  npx outrider login admin http://127.0.0.1:9080\n  npx outrider get nodes\n",
    );
    expect(text).toContain(
      "\nsign in   admin, with the one-time password in /d/secrets/first-admin\n",
    );
    expect(text).toContain(`-p 2883 -u operator -P "$(cat '/my data/secret')"`);
    expect(text).not.toContain("hidden");
  });

  it("says what cannot be managed yet and which agents need their secret", () => {
    const text = banner({
      ...FACTS,
      notYet: [nodeId("n1")],
      newAgents: [{ agent: agentId("rack-b"), secretFile: "/d/secrets/agent-rack-b" }],
    });
    expect(text).toContain("n1 cannot be managed yet");
    expect(text).toContain("power cycle n2");
    expect(text).toContain("put /d/secrets/agent-rack-b on its host");
  });
});
