import type { Dashboard, Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";

/** All panels of a dashboard but its rows: below a row that is open, inside one that is folded. */
export function panelsIn({ panels = [] }: Dashboard): Panel[] {
  return panels.flatMap((one) => (one.type === "row" ? (one as RowPanel).panels : [one as Panel]));
}

/** Rows and panels alike. */
export function everythingIn({ panels = [] }: Dashboard): (Panel | RowPanel)[] {
  return panels.flatMap((one) => (one.type === "row" ? [one, ...(one as RowPanel).panels] : [one]));
}
