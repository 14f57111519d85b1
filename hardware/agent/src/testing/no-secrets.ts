import { SecretStore } from "../secret-store.js";

/** Resolves nothing: tests whose drivers have no secrets. */
export const noSecrets = new SecretStore([], {}, []).resolve;
