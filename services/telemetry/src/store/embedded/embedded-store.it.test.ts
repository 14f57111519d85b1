import { DEPS } from "../testing/quiet.js";
import { describeStore } from "../testing/store-suite.js";
import { EmbeddedStore } from "./embedded-store.js";

describeStore({
  name: "embedded",
  open: (directory, limits) => EmbeddedStore.open({ directory, ...limits }, DEPS),
  rollUp: (store) => (store as EmbeddedStore).sealAll(),
});
