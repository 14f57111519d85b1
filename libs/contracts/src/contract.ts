import type { ServiceName } from "./ids.js";

/** Everything public or private starts here; `v1` is the protocol's major version. */
export const TOPIC_ROOT = "outrider/v1/";

type ParameterOf<T extends string> = T extends `${string}{${infer P}}${infer Rest}`
  ? P | ParameterOf<Rest>
  : never;

/** The parameters of a topic template: `{ node: string }` for `node/{node}/power/state`. */
export type Parameters<T extends string> = { readonly [P in ParameterOf<T>]: string };

/**
 * Who may publish on a topic.
 * - a service's name: that service alone
 * - `agent`: the agent whose id stands in `{agent}`
 * - `service`: the service whose name stands in `{service}`
 * - `services`: any service
 * - `anyone`: every identity that may act on the node
 * - `people`: every person, those who may only look too
 */
export type Writer = ServiceName | "agent" | "service" | "services" | "anyone" | "people";

/** `ask`: closed when read. `report`: closed when written, open when read. */
export type ContractKind = "ask" | "report";

export interface ContractOptions<P extends object> {
  readonly payload: new () => P;
  readonly kind: ContractKind;
  readonly writer: Writer | readonly ServiceName[];
  /** `public` topics are for people, scripts and Home Assistant; `private` ones for services and agents. */
  readonly audience: "public" | "private";
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** Largest payload in bytes that is looked at. Default 65,536. */
  readonly maxBytes?: number;
  /** A payload that is no JSON object is taken as the value of this property. */
  readonly bareWord?: keyof P & string;
  /** Whether the will of the writer's session is published here. */
  readonly will?: boolean;
  /** What every topic starts with, where it is somebody else's. Default {@link TOPIC_ROOT}. */
  readonly root?: string;
  readonly summary: string;
}

/** One topic and its payload: the only place where either is spelled out. */
export interface Contract<T extends string, P extends object> extends Required<
  Omit<ContractOptions<P>, "bareWord" | "writer">
> {
  readonly template: T;
  /** A property of P. Not typed as one, so that every contract is an {@link AnyContract}. */
  readonly bareWord: string | undefined;
  readonly writers: readonly Writer[];
}

export type AnyContract = Contract<string, object>;
export type PayloadOf<C> = C extends Contract<string, infer P> ? P : never;
export type ParametersOf<C> = C extends Contract<infer T, object> ? Parameters<T> : never;

export function contract<const T extends string, P extends object>(
  template: T,
  options: ContractOptions<P>,
): Contract<T, P> {
  return {
    maxBytes: 65_536,
    will: false,
    root: TOPIC_ROOT,
    ...options,
    bareWord: options.bareWord,
    template,
    writers: typeof options.writer === "string" ? [options.writer] : options.writer,
  };
}

/**
 * What may stand for a parameter: one topic level that reads the same on every side of the wire. Separators and
 * wildcards would make other levels of it; controls, NUL among them, are MQTT-1.5.4's to refuse; half a surrogate
 * pair does not survive UTF-8; invisible and direction-changing characters would let two levels look alike.
 */
const LEVEL_SOURCE = "[^/+#\\p{Cc}\\p{Cf}\\p{Cs}]{1,255}";
const LEVEL = new RegExp(`^${LEVEL_SOURCE}$`, "u");
/** What nearly every level is, told without Unicode tables. */
const PLAIN_LEVEL = /^[\w.:@-]{1,255}$/;

type Values = Readonly<Record<string, string | undefined>>;

/** What of a contract its topics come from. */
interface Topics<T extends string> {
  readonly template: T;
  readonly root?: string;
}

/**
 * The topic of a contract. A missing parameter does not compile.
 * @throws TypeError when a parameter would not be exactly one topic level (P15); the message does not repeat it.
 */
export function topicOf<T extends string>(
  { template, root }: Topics<T>,
  parameters: NoInfer<Parameters<T>>,
): string {
  const values = parameters as Values;
  return fill(root, template, (name) => values[name] ?? "");
}

/**
 * The subscription filter of a contract; parameters left out match anything.
 * @throws TypeError when a parameter would not be exactly one topic level. A wildcard is none: it is never a value.
 */
export function filterOf<T extends string>(
  { template, root }: Topics<T>,
  parameters: NoInfer<Partial<Parameters<T>>> = {},
): string {
  const values = parameters as Values;
  return fill(root, template, (name) => values[name]);
}

/** @param valueOf the level for a parameter; undefined: any level */
function fill(
  root: string | undefined,
  template: string,
  valueOf: (name: string) => string | undefined,
): string {
  return (
    (root ?? TOPIC_ROOT) +
    template.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = valueOf(name);
      if (value === undefined) return "+";
      if (isTopicLevel(value)) return value;
      throw new TypeError(`topic ${template}: {${name}} must be one topic level`);
    })
  );
}

const patterns = new Map<string, RegExp>();

/** The parameters of `topic` when it is one of the contract's, else undefined. */
export function matchTopic<T extends string>(
  { template, root = TOPIC_ROOT }: Topics<T>,
  topic: string,
): Parameters<T> | undefined {
  const key = root + template;
  let pattern = patterns.get(key);
  if (!pattern) {
    const source = template.replace(/\{(\w+)\}/g, `(?<$1>${LEVEL_SOURCE})`);
    pattern = new RegExp(`^${root}${source}$`, "u");
    patterns.set(key, pattern);
  }
  const match = pattern.exec(topic);
  return match ? ({ ...match.groups } as Parameters<T>) : undefined;
}

/** Whether `text` can stand for a parameter of a topic. */
export function isTopicLevel(text: string): boolean {
  return PLAIN_LEVEL.test(text) || LEVEL.test(text);
}
