import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bootSector } from "@outrider/simulators/boot-sector";
import type { Edge, EdgeName, SlotClient } from "@outrider/simulators/spawn";
import { driver } from "../power/libvirt.js";
import { LibvirtFront } from "./libvirt-front.js";
import { startLibvirtd, virsh, yieldTo, type Libvirtd } from "./libvirtd.js";
import type { PowerRig } from "./power-rig.js";

const SECTOR_BYTES = 512;
const SLOTS = [1, 2];
const DEADLINE_MS = 20_000;
const nameOf = (slot: number): string => `slot-${slot}`;

/** A machine that counts its boots on its console, obeys the power button and panics at an NMI. */
function domainXml(slot: number, dir: string): string {
  return `<domain type='qemu'><name>${nameOf(slot)}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><bios useserial='yes'/><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<on_crash>preserve</on_crash><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${dir}/disk-${slot}'/><target dev='hda' bus='ide'/></disk>
<controller type='usb' model='none'/><memballoon model='none'/><panic model='isa'/>
<serial type='file'><source path='${dir}/console-${slot}'/></serial></devices></domain>`;
}

export interface LibvirtRig extends PowerRig {
  readonly dir: string;
  /** What virsh says past the driver and past the faults. */
  virsh(...args: string[]): Promise<string>;
  /** What the machine has said. */
  console(slot: number): string;
}

/** A libvirtd with two machines of QEMU, and a front before it that can make faults. */
export async function libvirtRig(): Promise<LibvirtRig> {
  const dir = mkdtempSync(join(tmpdir(), "or-"));
  const path = join(dir, "front.sock");
  const edges: Edge[] = [];
  const noted = (slot: number, edge: EdgeName, cause: Edge["cause"]): void => {
    const at = new Date().toISOString();
    edges.push({ seq: edges.length + 1, slot, edge, at, monotonicMs: performance.now(), cause });
  };
  const start = async (): Promise<[Libvirtd, LibvirtFront]> => {
    const daemon = await startLibvirtd(dir, "qemu+unix:///session");
    const front = await LibvirtFront.start(path, daemon.socket, nameOf(1), (machine, edge) =>
      noted(Number(machine.split("-")[1]), edge, "api"),
    );
    return [daemon, front];
  };
  let [libvirtd, front] = await start();
  const tell = async (...args: string[]): Promise<string> =>
    (await virsh(`qemu+unix:///session?socket=${libvirtd.socket}`, ...args)).said;
  const stateOf = (slot: number): Promise<string> => tell("domstate", nameOf(slot));
  const until = async (is: () => Promise<boolean>): Promise<void> => {
    for (const end = performance.now() + DEADLINE_MS; !(await is()); await sleep(20)) {
      if (performance.now() > end)
        throw new Error("The machines do not come to what is waited for.");
    }
  };
  for (const slot of SLOTS) {
    const disk = join(dir, `disk-${slot}`);
    writeFileSync(
      disk,
      Buffer.concat([bootSector({ button: true }), Buffer.alloc(63 * SECTOR_BYTES)]),
    );
    yieldTo(disk);
    writeFileSync(join(dir, "xml"), domainXml(slot, dir));
    await tell("define", join(dir, "xml"));
  }
  const killMachine = async (slot: number): Promise<void> => {
    const pid = join(dir, "home", "libvirt", "qemu", "run", `${nameOf(slot)}.pid`);
    if (existsSync(pid)) process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
  };
  const world: Pick<SlotClient, "edges" | "waitForEdge" | "faults" | "get" | "supply" | "button"> =
    {
      edges: async (query?: { readonly since?: number | undefined; readonly slot?: number }) =>
        edges.filter(
          ({ seq, slot }) => seq > (query?.since ?? 0) && slot === (query?.slot ?? slot),
        ),
      waitForEdge: async (fits, signal, since?: number) => {
        for (;;) {
          const found = edges.find((edge) => edge.seq > (since ?? 0) && fits(edge));
          if (found) return found;
          await sleep(10, undefined, { signal });
        }
      },
      faults: async (_, faults) => (front.faults = faults),
      get: async (slot) => ({
        slot,
        supply: (await stateOf(slot)) === "shut off" ? "off" : "on",
        host: "off",
        flavour: "libvirt",
        drawWatts: 0,
      }),
      supply: async (slot, on) => {
        if (((await stateOf(slot)) !== "shut off") !== on)
          await tell(on ? "start" : "destroy", nameOf(slot));
        return world.get(slot);
      },
      // Held for long, a button halts a host at once. These machines halt on a live supply by a panic and no other way.
      button: async (slot) => {
        await until(async () => {
          if ((await stateOf(slot)) === "crashed") return true;
          await tell("inject-nmi", nameOf(slot));
          return false;
        });
        noted(slot, "halted", "guest");
        return world.get(slot);
      },
    };
  return {
    driver,
    lacks: ["blind-acts"],
    slotOption: "domain",
    optionsOf: (slot) => ({ uri: "qemu:///session", socket: path, domain: nameOf(slot) }),
    world: world as SlotClient,
    address: path,
    dir,
    virsh: tell,
    console: (slot) => readFileSync(join(dir, `console-${slot}`), "latin1"),
    kill: async () => {
      await libvirtd.stop("SIGKILL");
      for (const slot of SLOTS) await killMachine(slot);
      await front[Symbol.asyncDispose]();
    },
    restart: async () => {
      [libvirtd, front] = await start();
    },
    loseSupply: async (slot) => {
      await killMachine(slot);
      await until(async () => (await stateOf(slot)) === "shut off");
      noted(slot, "brown-out", "outside");
    },
    [Symbol.asyncDispose]: async () => {
      for (const slot of SLOTS) await tell("destroy", nameOf(slot));
      await front[Symbol.asyncDispose]();
      await libvirtd.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
