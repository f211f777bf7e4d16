import { createFakeClock } from "./fake-clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import { describeStore } from "./store.case.ts";

describeStore("memory store", async () => {
  const clock = createFakeClock();
  const store = createMemoryStore({ clock });
  return { store, advance: async (seconds) => clock.advance(seconds * 1000), dispose: () => store.close() };
});
