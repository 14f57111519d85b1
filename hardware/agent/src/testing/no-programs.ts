import { ProgramStore } from "../program-store.js";

/** Finds nothing: tests whose drivers run no programs of the host's administrator. */
export const noPrograms = new ProgramStore([], 0).resolve;
