// The API as the page uses it. Every error is the server's sentence.

/** A request that was not done, with the server's problem. */
export class ApiError extends Error {
  constructor(problem) {
    super(problem.detail ?? "The gateway gave no reason.");
    this.status = problem.status;
    this.code = problem.code;
  }
}

export async function api(method, path, body, headers = {}) {
  let reply;
  try {
    reply = await fetch(`/api/v1${path}`, {
      method,
      headers: {
        "outrider-via": "web",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError({
      detail:
        "The gateway cannot be reached. Whether it was done is not known: look before asking again.",
    });
  }
  if (reply.status === 204) return undefined;
  const said = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new ApiError({ status: reply.status, ...said });
  return said;
}
