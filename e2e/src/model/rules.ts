/**
 * The rules that carry the command protocol, each with what it is for. The model follows all of them but the one that
 * is taken away; that one must then be missed.
 */
export const RULES = {
  "known-ids-act-never": "an id that was accepted before is answered with its outcome",
  "journal-before-act": "a command is in the journal before the device is asked",
  "known-before-epoch": "what was done under an id is looked up before the id is refused",
  "refusals-are-remembered": "a command that was refused stays refused within its session",
  "session-epoch": "a command of another session is refused",
  "epoch-per-connection": "each connection is a session of its own",
  deadline: "a command that is older than its time to start is refused",
  "deadline-without-wall-clocks": "ages come from the issuer's monotonic clock",
  "unknown-clock-refused": "a command of a clock that no beacon told of is refused",
  "best-reading-counts": "of all readings of a clock, the one with the least delay counts",
  "asked-again-before-the-act": "the deadline is looked at again once the journal is written",
  "retained-is-dropped": "a retained command is dropped by the agent",
  "retained-set-is-refused": "a retained request is refused by the service",
  "lower-fence-refused": "a token that is lower than one seen is refused",
  "busy-is-refused": "an endpoint does one thing at a time",
  "recovery-first": "interrupted commands hold their endpoint before the first message is heard",
  "recovery-repeats-nothing": "what may have been done is not done again by the recovery",
  "recovery-finishes-cycles": "an interrupted cycle's supply is switched on",
  "owed-on-is-kept": "an On that a silent device missed stays owed",
  "new-command-settles-owed": "whoever commands the supply decides about what was owed",
  "run-before-send": "a run is in the service's journal before its command is sent",
  "same-command-again":
    "while nothing is heard, the very same command is sent again, not a new one",
  "public-ids-once": "a request whose id is known repeats its outcome",
  "answers-are-remembered":
    "a request that was answered at once is answered alike when it comes again",
  "owed-revival": "a host that was shut down to be restarted is revived, whatever comes in between",
  "outcome-until-taken": "a terminal result is told until the broker has taken it",
  "outcome-keeps-its-number": "a terminal result that is told again is the same result",
  "starts-are-paced": "a start waits for the slot of its power domain",
  "slots-are-held-again": "what is under way holds its slot over a restart of the service",
  "quiet-at-first":
    "nothing starts in a power domain for one spacing after the service has started",
  "one-service": "a second power service does not start beside the first",
} as const;

export type Rule = keyof typeof RULES;

/** Whether a rule is followed. */
export type Holds = (rule: Rule) => boolean;

export const everyRule: Holds = () => true;

export function without(missing: Rule): Holds {
  return (rule) => rule !== missing;
}
