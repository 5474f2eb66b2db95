// Requests as a user of ours who may not exist on the homeserver yet.
import type { RemoteId } from "#bridge";
import type { Api } from "../api.ts";
import { MatrixError } from "../errors.ts";
import type { Ghosts } from "./ghosts.ts";
import type { Homeserver } from "./homeserver.ts";

/** The first request makes the user. So does a later one when the homeserver was put back to an older state. */
export function ghostApi(id: RemoteId, user: string, ghosts: Ghosts, homeserver: Homeserver): Api {
  const api = homeserver.as(id);
  const whenThere = async <T>(run: () => Promise<T>): Promise<T> => {
    await ghosts.ensure(id, user);
    try {
      return await run();
    } catch (error) {
      if (!isMissing(error)) throw error;
      await ghosts.forget(id);
      await ghosts.ensure(id, user);
      return run();
    }
  };
  return {
    request: (method, path, request) => whenThere(() => api.request(method, path, request)),
    raw: (path, init) => whenThere(() => api.raw(path, init)),
  };
}

/** Synapse's words; there is no code of its own for it. */
function isMissing(error: unknown): boolean {
  return error instanceof MatrixError && error.code === "M_FORBIDDEN" && /has not registered/.test(error.words);
}
