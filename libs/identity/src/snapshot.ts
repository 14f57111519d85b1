import { expandNodes } from "@outrider/contracts/node-set";
import { RIGHTS, ROLES, type Right, type Role } from "@outrider/contracts/identity";
import { fromJson } from "@outrider/storage/values";
import type { Storage } from "@outrider/storage/storage";
import { rightsOf, type Subject } from "./subject.js";

export interface Person {
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
  /** Beside those of the role. */
  readonly rights: readonly Right[];
  /** Folded ids of the only nodes that the person may see and touch. */
  readonly nodes?: string | undefined;
  readonly disabled: boolean;
  readonly mustChangePassword: boolean;
}

export interface ApiToken {
  /** Of the token, not its secret. */
  readonly id: string;
  readonly name: string;
  readonly rights: readonly Right[];
  readonly createdAt: string;
  readonly expiresAt?: string | undefined;
  /** To a minute or so. */
  readonly lastUsedAt?: string | undefined;
}

/** What is kept of a person, with what must never be shown. */
export interface PersonEntry {
  readonly person: Person;
  readonly subject: Subject;
  readonly hash: string;
}

export interface TokenEntry {
  readonly token: ApiToken;
  readonly owner: string;
  readonly hash: string;
}

export interface MachineEntry {
  readonly kind: "service" | "agent";
  readonly name: string;
  readonly hash: string;
  readonly site: string;
}

/** Everybody at one moment. */
export interface Snapshot {
  readonly version: number;
  readonly people: ReadonlyMap<string, PersonEntry>;
  /** By id. */
  readonly tokens: ReadonlyMap<string, TokenEntry>;
  /** By `kind:name`. */
  readonly machines: ReadonlyMap<string, MachineEntry>;
}

interface PersonRow {
  name: string;
  display_name: string;
  role: string;
  rights: string;
  nodes: string | null;
  disabled: number;
  must_change: number;
  hash: string;
}
interface TokenRow {
  id: string;
  person: string;
  name: string;
  rights: string;
  hash: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

/** Bounds what is held in memory. */
const MAX_ROWS = 50_000;

export async function readVersion(storage: Storage): Promise<number> {
  const row = await storage.get<{ version: number }>("SELECT version FROM identity_version");
  return row?.version ?? 0;
}

/** Reads everybody. The version is read first: what changes meanwhile is read again, never missed. */
export async function readSnapshot(storage: Storage): Promise<Snapshot> {
  const version = await readVersion(storage);
  const [people, tokens, machines] = await Promise.all([
    storage.all<PersonRow>(`SELECT * FROM identity_person ORDER BY name LIMIT ${MAX_ROWS}`),
    storage.all<TokenRow>(`SELECT * FROM identity_token ORDER BY created_at LIMIT ${MAX_ROWS}`),
    storage.all<MachineEntry>(
      `SELECT kind, name, hash, site FROM identity_machine LIMIT ${MAX_ROWS}`,
    ),
  ]);
  return {
    version,
    people: new Map(people.map((row) => [row.name, personEntry(row)])),
    tokens: new Map(tokens.map((row) => [row.id, tokenEntry(row)])),
    machines: new Map(machines.map((row) => [`${row.kind}:${row.name}`, row])),
  };
}

function personEntry(row: PersonRow): PersonEntry {
  const person: Person = {
    name: row.name,
    displayName: row.display_name,
    // A role of a newer release is none that could be judged here.
    role: ROLES.find((one) => one === row.role) ?? "viewer",
    rights: readRights(row.rights),
    ...(row.nodes !== null && { nodes: row.nodes }),
    disabled: row.disabled !== 0,
    mustChangePassword: row.must_change !== 0,
  };
  return { person, subject: subjectOf(person), hash: row.hash };
}

/** A person as `may` judges it. */
export function subjectOf(person: Person): Subject {
  return {
    kind: "person",
    name: person.name,
    role: person.role,
    rights: rightsOf(person.role, person.rights),
    ...(person.nodes !== undefined && { nodes: expandNodes(person.nodes) }),
  };
}

function tokenEntry(row: TokenRow): TokenEntry {
  return {
    owner: row.person,
    hash: row.hash,
    token: {
      id: row.id,
      name: row.name,
      rights: readRights(row.rights),
      createdAt: row.created_at,
      ...(row.expires_at !== null && { expiresAt: row.expires_at }),
      ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at }),
    },
  };
}

function readRights(text: string): readonly Right[] {
  const words = fromJson<unknown[]>(text);
  return RIGHTS.filter((right) => words.includes(right));
}
