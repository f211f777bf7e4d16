export { type Clock, systemClock } from "./clock.ts";
export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";
export * from "./store.ts";
