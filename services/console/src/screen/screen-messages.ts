/** What is said between the service and the worker that keeps the screens. */

export type ToScreens =
  /** What a console said next. */
  | { readonly kind: "feed"; readonly node: string; readonly bytes: Uint8Array }
  /** The screen begins anew with this. */
  | {
      readonly kind: "rebuild";
      readonly node: string;
      readonly bytes: Uint8Array;
      readonly approximate: boolean;
    }
  | { readonly kind: "forget"; readonly node: string }
  | { readonly kind: "ask"; readonly id: number; readonly node: string };

export type FromScreens =
  /** So many bytes of a console are on its screen. */
  | { readonly kind: "fed"; readonly node: string; readonly bytes: number }
  | { readonly kind: "screen"; readonly id: number; readonly screen: Screen };

/** A screen as it stands. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** Without attributes, lines separated by line feeds. */
  readonly text: string;
  /** What draws it on a terminal that may show anything now: colours, cursor and modes included. */
  readonly ansi: string;
  /** From 0. */
  readonly cursor: { readonly row: number; readonly column: number };
  /** It was made from the end of the log only: what stood on it before is missing. */
  readonly approximate: boolean;
}
