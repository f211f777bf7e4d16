export { runPlugin } from "./plugin.ts";
export { type Exchange, type Port } from "./port.ts";
