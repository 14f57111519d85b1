import { describe, expect, it } from "vitest";
import { heartbeatWords } from "./heartbeat-words.js";

describe("what a heartbeat says to a person", () => {
  it.each([
    [
      { alive: false, detail: "Its kernel refuses: it runs, and nobody listens on that port." },
      "It did not answer as it should. Its kernel refuses: it runs, and nobody listens on that port.",
    ],
    [
      { alive: false },
      "Nothing was heard in time. That proves nothing: the node may be off, or the way to it is cut.",
    ],
    [
      { alive: true, tookMs: 3.2, detail: 'It says "SSH-2.0-OpenSSH_9.2".' },
      'It answered after 3.2 ms. It says "SSH-2.0-OpenSSH_9.2". That proves service.',
    ],
    [{ alive: true, detail: "Linux 6.1" }, "It answered. Linux 6.1. That proves service."],
    [{ alive: true }, "It answered. That proves service."],
  ])("of %j", (heartbeat, words) => {
    expect(heartbeatWords(heartbeat, "service")).toBe(words);
  });
});
