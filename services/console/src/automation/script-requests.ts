import { Inject, Injectable } from "@nestjs/common";
import {
  abortScript,
  getScript,
  listScripts,
  runScript,
  type RunScript,
  type ScriptList,
  type ScriptRef,
  type ScriptRun,
} from "@outrider/contracts/console-operations";
import type { Nothing } from "@outrider/contracts/service-plane";
import { RequestError } from "@outrider/messaging/request-error";
import { OnRequest, type Asked } from "@outrider/service-kit/on-request";
import { StorageError } from "@outrider/storage/storage-error";
import { ActRefused } from "../sessions/act-refused.js";
import { AttachRefused } from "../sessions/attachment.js";
import { ScriptError } from "./script-parser.js";
import { Scripts } from "./scripts.js";

/** Answers what other services ask of scripts, on behalf of people they have checked. */
@Injectable()
export class ScriptRequests {
  constructor(@Inject(Scripts) private readonly scripts: Scripts) {}

  @OnRequest(runScript)
  run({ body, actor, via }: Asked<RunScript>): Promise<ScriptRun> {
    return asked(() => this.scripts.begin(body, actor, via));
  }

  @OnRequest(getScript)
  async get({ body: { id } }: Asked<ScriptRef>): Promise<ScriptRun> {
    return known(await asked(() => this.scripts.get(id)));
  }

  @OnRequest(abortScript)
  async abort({ body: { id }, actor, via }: Asked<ScriptRef>): Promise<ScriptRun> {
    return known(await asked(() => this.scripts.abort(id, actor, via)));
  }

  @OnRequest(listScripts)
  async list(_asked: Asked<Nothing>): Promise<ScriptList> {
    return { runs: await asked(() => this.scripts.list()) };
  }
}

function known(run: ScriptRun | undefined): ScriptRun {
  if (run) return run;
  throw new RequestError("not-found", "there is no such run of a script, or not any more");
}

async function asked<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof StorageError) {
      throw new RequestError("storage-failed", cause.message, { cause });
    }
    if (cause instanceof ScriptError) {
      throw new RequestError("invalid", cause.message, { cause, field: "script" });
    }
    if (cause instanceof AttachRefused) {
      const code =
        cause.code === "not-found" || cause.code === "not-allowed" ? cause.code : "unavailable";
      throw new RequestError(code, cause.message, { cause });
    }
    if (cause instanceof ActRefused) throw new RequestError("conflict", cause.message, { cause });
    throw cause;
  }
}
