import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { mustSkip } from "@outrider/simulators/peers";
import type { ConsoleRig } from "./console-rig.js";
import { accepts, freePort } from "./foreign-process.js";

/** Debian's own interpreter, which sees Debian's packages whatever else is on the PATH. */
const PYTHON = "/usr/bin/python3";
const PYSERIAL = "/usr/lib/python3/dist-packages/serial/rfc2217.py";

export function lacksPyserial(tests: string): boolean {
  return mustSkip(tests, {}, { packages: existsSync(PYSERIAL) ? [] : ["python3-serial"] });
}

/**
 * A terminal server: telnet and RFC 2217 are pyserial's own PortManager, which is how its `rfc2217_server` is made, on a
 * port that keeps what is done to it.
 */
const PROGRAM = String.raw`
import base64, json, socket, sys, threading, time
import serial.rfc2217 as rfc2217

class Port:
    name = "port"
    def __init__(self):
        self.did = []
        self.values = dict(baudrate=300, bytesize=8, parity="N", stopbits=1, xonxoff=False, rtscts=False,
                           dtr=True, rts=True, break_condition=False)
        self.cts, self.dsr, self.ri, self.cd = True, False, False, False
        self.breaks = 0
    def __getattr__(self, name):
        values = self.__dict__.get("values", {})
        if name in values: return values[name]
        raise AttributeError(name)
    def __setattr__(self, name, value):
        if "values" in self.__dict__ and name in self.values:
            if name == "baudrate" and value > 4000000: raise ValueError("too fast")
            if name == "break_condition" and value: self.breaks += 1
            self.values[name] = value
            self.did.append([name, value])
        else:
            object.__setattr__(self, name, value)
    def reset_input_buffer(self): self.did.append(["purge", "receive"])
    def reset_output_buffer(self): self.did.append(["purge", "transmit"])

class Manager(rfc2217.PortManager):
    def _telnet_process_command(self, command):
        if command == b"\xf3": port.breaks += 1

class Client:
    def __init__(self, sock):
        self.sock, self.lock = sock, threading.Lock()
    def write(self, data):
        with self.lock: self.sock.sendall(data)

port, heard, clients = Port(), bytearray(), []
state = dict(freeze=False, mute=False)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(16)

def serve(sock):
    client = Client(sock)
    while state["mute"]: time.sleep(0.02)
    try:
        client.manager = Manager(port, client)
        clients.append(client)
        while True:
            while state["freeze"]: time.sleep(0.02)
            data = sock.recv(4096)
            if not data: break
            plain = b"".join(client.manager.filter(data))
            heard.extend(plain)
            if b"ping" in plain: client.write(b"pong")
    except OSError: pass
    if client in clients: clients.remove(client)
    sock.close()

def accept():
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    ask = json.loads(line)
    answer = None
    if "say" in ask:
        while not clients: time.sleep(0.01)
        for client in list(clients):
            try: client.write(b"".join(client.manager.escape(base64.b64decode(ask["say"]))))
            except OSError: pass
    elif "set" in ask: state.update(ask["set"])
    elif "modem" in ask:
        for name, value in ask["modem"].items(): setattr(port, name, value)
        for client in list(clients): client.manager.check_modem_lines()
    elif "raw" in ask:
        for client in list(clients): client.write(base64.b64decode(ask["raw"]))
    elif "heard" in ask: answer = base64.b64encode(bytes(heard)).decode()
    elif "did" in ask: answer = [[name, value] for name, value in port.did]
    elif "breaks" in ask: answer = port.breaks
    print(json.dumps(answer), flush=True)
`;

export interface PyserialPeer extends AsyncDisposable {
  readonly port: number;
  /** What was done to the port: `["baudrate", 115200]`, in order. */
  did(): Promise<[string, unknown][]>;
  breaks(): Promise<number>;
  heard(): Promise<Buffer>;
  say(bytes: Uint8Array): Promise<void>;
  /** Bytes of the wire, as they are. */
  raw(bytes: Uint8Array): Promise<void>;
  modem(lines: Readonly<Record<"cts" | "dsr" | "ri" | "cd", boolean>>): Promise<void>;
  set(state: { readonly freeze?: boolean; readonly mute?: boolean }): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startPyserial(): Promise<PyserialPeer> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  const waiting: ((answer: unknown) => void)[] = [];
  const start = async (): Promise<void> => {
    if (child) return;
    const started = spawn(PYTHON, ["-c", PROGRAM, String(port)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    child = started;
    const ready = Promise.withResolvers<void>();
    started.once("exit", () => ready.reject(new Error("pyserial does not serve")));
    createInterface({ input: started.stdout }).on("line", (line) => {
      if (line === "ready") ready.resolve();
      else waiting.shift()?.(JSON.parse(line));
    });
    await ready.promise;
  };
  const stop = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (!ending) return;
    ending.kill("SIGKILL");
    await once(ending, "exit");
  };
  const ask = <T>(question: object): Promise<T> =>
    new Promise((resolve) => {
      waiting.push((answer) => resolve(answer as T));
      child?.stdin?.write(`${JSON.stringify(question)}\n`);
    });
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  await start();
  return {
    port,
    start,
    stop,
    did: () => ask({ did: true }),
    breaks: () => ask({ breaks: true }),
    heard: async () => Buffer.from(await ask<string>({ heard: true }), "base64"),
    say: (bytes) => ask({ say: base64(bytes) }),
    raw: (bytes) => ask({ raw: base64(bytes) }),
    modem: (modem) => ask({ modem }),
    set: (state) => ask({ set: state }),
    [Symbol.asyncDispose]: stop,
  };
}

/** The far end of a console that is pyserial's. */
export async function pyserialRig(
  driver: ConsoleRig["driver"],
): Promise<ConsoleRig & { readonly peer: PyserialPeer }> {
  const peer = await startPyserial();
  const during = async (state: "freeze" | "mute"): Promise<AsyncDisposable> => {
    await peer.set({ [state]: true });
    return { [Symbol.asyncDispose]: () => peer.set({ [state]: false }) };
  };
  return {
    peer,
    driver,
    options: () => ({ host: "127.0.0.1", port: peer.port }),
    address: `127.0.0.1:${peer.port}`,
    exclusive: false,
    dialogue: { type: "ping", expect: /pong/ },
    say: (bytes) => peer.say(bytes),
    heard: () => peer.heard(),
    breaks: () => peer.breaks(),
    lose: () => peer.stop(),
    restore: async () => {
      await peer.start();
      if (!(await accepts(peer.port))) throw new Error("pyserial does not accept");
    },
    freeze: () => during("freeze"),
    mute: () => during("mute"),
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  };
}
