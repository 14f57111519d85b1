import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModbusFraming } from "@outrider/transports/modbus-frame";
import { accepts, freePort, startForeign } from "./foreign-process.js";
import { pypiPeer } from "./pypi-peer.js";

/** Installed for the tests of Modbus; undefined where it cannot be had. */
export function pymodbus(): Promise<string | undefined> {
  return pypiPeer("pymodbus-3.8.6", ["pymodbus==3.8.6"]);
}

/** pymodbus is the device, with the units 1 and 7 of eight coils and eight inputs each; who connects to the second port sees and sets them. */
const BOARD = `
import asyncio, sys
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.framer import FramerType
from pymodbus.server import StartAsyncTcpServer
port, control, framing = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def board():
    block = lambda: ModbusSequentialDataBlock(1, [0] * 8)
    return ModbusSlaveContext(di=block(), co=block())
units = {1: board(), 7: board()}
CODES = {'coil': 1, 'discrete-input': 2}
async def told(reader, writer):
    try:
        while line := await reader.readline():
            unit, table, address, *value = line.decode().split()
            context, code = units[int(unit)], CODES[table]
            if value: context.setValues(code, int(address), [int(value[0])])
            writer.write(b'%d\\n' % int(context.getValues(code, int(address), 1)[0]))
    except ConnectionError: pass
    writer.close()
async def main():
    await asyncio.start_server(told, '127.0.0.1', control)
    await StartAsyncTcpServer(ModbusServerContext(slaves=units, single=False), address=('127.0.0.1', port),
        framer=FramerType.RTU if framing == 'rtu' else FramerType.SOCKET)
asyncio.run(main())
`;

export type ModbusTable = "coil" | "discrete-input";

export interface ModbusBoard extends AsyncDisposable {
  readonly port: number;
  /** What a bit of unit 1 is, past the protocol; with a value, what it becomes. */
  bit(table: ModbusTable, address: number, value?: boolean): Promise<boolean>;
  silence(silent: boolean): Promise<void>;
}

export async function startModbusBoard(
  bin: string,
  framing: ModbusFraming = "tcp",
): Promise<ModbusBoard> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const program = join(dir, "board.py");
  writeFileSync(program, BOARD);
  const [port, control] = [await freePort(), await freePort()];
  const board = await startForeign({
    command: join(bin, "python"),
    args: [program, String(port), String(control), framing],
    log: join(dir, "board.log"),
    ready: async () => (await accepts(control)) && accepts(port),
  });
  return {
    port,
    bit: async (table, address, value) => {
      const written = value === undefined ? "" : ` ${Number(value)}`;
      return (await asked(control, `1 ${table} ${address}${written}\n`)) === "1\n";
    },
    silence: async (silent) => void process.kill(board.pid, silent ? "SIGSTOP" : "SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      process.kill(board.pid, "SIGCONT");
      await board.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function asked(port: number, line: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let said = "";
  socket.end(line);
  for await (const chunk of socket.setEncoding("utf8")) said += chunk as string;
  return said;
}
