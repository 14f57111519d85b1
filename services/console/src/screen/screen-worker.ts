import { parentPort } from "node:worker_threads";
import headless from "@xterm/headless";
import type { Terminal } from "@xterm/headless";
import { screenAnsi, screenText } from "./draw-screen.js";
import type { FromScreens, Screen, ToScreens } from "./screen-messages.js";

/** What serial consoles assume, and what getty tells programs. */
const COLUMNS = 80;
const ROWS = 24;

interface Kept {
  readonly terminal: Terminal;
  approximate: boolean;
}

const screens = new Map<string, Kept>();
const port = parentPort;
if (!port) throw new Error("this is a worker");
const tell = (message: FromScreens): void => port.postMessage(message);

/** Whatever a terminal would answer is not listened to: a screen never types. */
function make(approximate: boolean): Kept {
  const terminal = new headless.Terminal({
    cols: COLUMNS,
    rows: ROWS,
    scrollback: 0,
    allowProposedApi: true,
    logLevel: "off",
  });
  return { terminal, approximate };
}

function feed(node: string, bytes: Uint8Array): void {
  let kept = screens.get(node);
  if (!kept) screens.set(node, (kept = make(false)));
  if (kept.approximate && clears(bytes)) kept.approximate = false;
  kept.terminal.write(bytes, () => tell({ kind: "fed", node, bytes: bytes.length }));
}

function screenOf({ terminal, approximate }: Kept): Screen {
  const { active } = terminal.buffer;
  return {
    columns: terminal.cols,
    rows: terminal.rows,
    text: screenText(terminal),
    ansi: screenAnsi(terminal),
    cursor: { row: active.cursorY, column: active.cursorX },
    approximate,
  };
}

/** Whether nothing of what stood there before can be seen any more. */
function clears(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.includes("\u001b[2J") || buffer.includes("\u001bc");
}

port.on("message", (message: ToScreens) => {
  const { kind, node } = message;
  switch (kind) {
    case "feed":
      return feed(node, message.bytes);
    case "rebuild":
      screens.get(node)?.terminal.dispose();
      screens.set(node, make(message.approximate));
      return feed(node, message.bytes);
    case "forget":
      screens.get(node)?.terminal.dispose();
      screens.delete(node);
      return undefined;
    case "ask": {
      let kept = screens.get(node);
      if (!kept) screens.set(node, (kept = make(false)));
      const asked = kept;
      // After everything that came before it.
      return kept.terminal.write("", () =>
        tell({ kind: "screen", id: message.id, screen: screenOf(asked) }),
      );
    }
  }
});
