import { OneOf, Text } from "@outrider/contracts/decorators";
import { ALL_PROBLEMS, statusOf, type AnyProblemCode } from "../http/problem.js";
import { Integer } from "@outrider/contracts/decorators";
import { route } from "../http/route.js";

export const PROBLEM_CODES = Object.keys(ALL_PROBLEMS) as AnyProblemCode[];

export class ProblemParams {
  @OneOf(PROBLEM_CODES) code!: AnyProblemCode;
}

/** What a problem's code means. */
export class ProblemAdvice {
  @OneOf(PROBLEM_CODES) code!: AnyProblemCode;
  @Integer(400, 599) status!: number;
  /** What happened and what to do. */
  @Text(1000) advice!: string;
}

export const PROBLEM_ROUTES = [
  route({
    method: "GET",
    path: "/problems/{code}",
    id: "getProblem",
    tag: "problems",
    summary: "What the code of a problem means and what to do: where its `type` leads.",
    right: "public",
    params: ProblemParams,
    reply: ProblemAdvice,
    statuses: { 200: "The advice." },
    handle: ({ params: { code } }) => ({
      body: { code, status: statusOf(code), advice: ALL_PROBLEMS[code] },
    }),
  }),
];
