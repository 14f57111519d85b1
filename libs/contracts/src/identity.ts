/** What people may do. Who they are is the business of `libs/identity`; what a role means stands here once. */

export const RIGHTS = [
  /** See nodes, states, events, locks and transitions. */
  "read",
  /** Act on the power of nodes; begin and abort transitions. */
  "power",
  "console-read",
  "console-write",
  /** Set boot overrides. */
  "boot",
  /** Take locks of one's own. */
  "lock",
  /** Take somebody else's lock away. */
  "lock-break",
  /** Act although an interlock says no. */
  "override",
  /** Put a site file into force; report facts; dismiss proposals. */
  "site",
  /** Users, tokens of others, keys. */
  "identity",
  /** Read and verify the audit logs. */
  "audit",
] as const;
export type Right = (typeof RIGHTS)[number];

export const ROLES = ["viewer", "operator", "administrator"] as const;
export type Role = (typeof ROLES)[number];

/** The rights that a role brings; more can be granted one by one. */
export const ROLE_RIGHTS: Readonly<Record<Role, readonly Right[]>> = {
  viewer: ["read"],
  operator: ["read", "power", "console-read", "console-write", "boot", "lock"],
  administrator: RIGHTS,
};
