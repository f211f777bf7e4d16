import { expect, test } from "vitest";
import { findingsOf, seedControl, WEB } from "./seed.case.ts";

test("tap and instance are kept, changed and taken away, and a repeated request is not compared in them", async () => {
  const { control } = await seedControl();
  const tap = { device: "tap7", mac: "fa:16:3e:00:00:07" };
  const request = { ...WEB, name: "vm-1", requestToken: "port" };
  const { object, revision } = await control.endpoints.allocate({ ...request, tap, instance: "i-1" });
  expect(object).toMatchObject({ tap, instance: "i-1" });
  expect(await control.endpoints.allocate(request)).toEqual({ object, revision, created: false });
  const same = await control.endpoints.update("vm-1", { tap: { ...tap }, instance: "i-1" });
  expect(same.revision).toBe(revision);
  const moved = { device: "tap8", mac: tap.mac };
  expect((await control.endpoints.update("vm-1", { tap: moved })).object).toEqual({
    ...object,
    tap: moved,
  });
  const { tap: _tap, instance: _instance, ...plain } = object;
  await control.endpoints.update("vm-1", { tap: null });
  expect((await control.endpoints.update("vm-1", { instance: null })).object).toEqual(plain);
  expect((await control.endpoints.update("vm-1", { instance: "i-2" })).object.instance).toBe("i-2");
  expect(await findingsOf(control)).toEqual([]);
});
