import { nodeId, type NodeId } from "@outrider/contracts/ids";
import { ACTIONS } from "@outrider/contracts/power";
import { describe, expect, it } from "vitest";
import { judgeInterlock, takesDown, type RoleNow } from "./interlocks.js";

const [a, b, c] = ["a", "b", "c"].map(nodeId) as [NodeId, NodeId, NodeId];

function storage(keepRunning = 1, others = [a, b, c]): RoleNow {
  return { role: "storage", policy: { interlock: "last-in-role", keepRunning }, others };
}

const among =
  (...nodes: NodeId[]) =>
  (node: NodeId): boolean =>
    nodes.includes(node);

describe("the interlock last-in-role", () => {
  it("concerns every action that may take a host down", () => {
    expect(ACTIONS.filter((action) => !takesDown(action))).toEqual(["On"]);
  });

  it("lets a node go down while enough others are known to run", () => {
    expect(judgeInterlock(a, [storage()], among(a, b), among())).toBeUndefined();
    expect(judgeInterlock(a, [storage(2)], among(a, b, c), among())).toBeUndefined();
  });

  it("keeps the last one up, and does not count the node itself", () => {
    const barred = judgeInterlock(a, [storage()], among(a), among());
    expect(barred).toMatchObject({ role: "storage", keepRunning: 1, left: 0, inFlight: [] });
    expect(barred?.detail).toContain("override with a reason");
    expect(judgeInterlock(a, [storage(2)], among(a, b), among())).toMatchObject({ left: 1 });
  });

  it("does not count a node that goes down itself, and says that waiting may help", () => {
    expect(judgeInterlock(a, [storage()], among(a, b), among(b))).toMatchObject({
      left: 0,
      inFlight: [b],
    });
  });

  it("concerns only roles that declare it", () => {
    const free: RoleNow = { role: "compute", policy: { keepRunning: 1 }, others: [a] };
    expect(judgeInterlock(a, [free], among(), among())).toBeUndefined();
    expect(judgeInterlock(a, [free, storage()], among(), among())?.role).toBe("storage");
  });
});
