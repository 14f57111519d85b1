import type { Problem, ProblemCode } from "@outrider/contracts/service-plane";

/** A request that was not done, as the service that was asked says, or as is said in its place when it is silent. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: ProblemCode;
  /** Path of what was wrong in the request's body. */
  readonly field: string | undefined;

  constructor(code: ProblemCode, detail: string, options: ErrorOptions & { field?: string } = {}) {
    super(detail, options);
    this.code = code;
    this.field = options.field;
  }

  /** As it stands on the wire. */
  get problem(): Problem {
    const { code, field } = this;
    const detail = this.message.slice(0, 8000);
    return { code, detail, ...(field === undefined ? {} : { field: field.slice(0, 500) }) };
  }
}
