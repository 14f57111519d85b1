import { milliseconds } from "@outrider/contracts/clock";
import { makeAgent, QUICK } from "./link-pair.js";
import { MemoryLine } from "./memory-line.js";

/**
 * An agent as a process of its own, which a test can stop. Prints what its device takes, a line of JSON each.
 * Arguments: the port of the service, and after how long without a word the peer counts as dead, in milliseconds.
 */
const [port = "", deadMs = ""] = process.argv.slice(2);

class PrintingLine extends MemoryLine {
  writeNow(bytes: Uint8Array): number {
    print(bytes);
    return bytes.length;
  }

  override write(bytes: Uint8Array): Promise<void> {
    print(bytes);
    return Promise.resolve();
  }
}

function print(bytes: Uint8Array): void {
  process.stdout.write(`${JSON.stringify({ taken: Buffer.from(bytes).toString("latin1") })}\n`);
}

const agent = makeAgent(Number(port), { timing: { ...QUICK, dead: milliseconds(Number(deadMs)) } });
agent.add(new PrintingLine());
agent.start();
process.stdout.write('{"ready":true}\n');
