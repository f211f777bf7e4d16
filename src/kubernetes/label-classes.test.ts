import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classOf, createClassifier, IGNORED_LABELS } from "./label-classes.ts";
import type { KubernetesPod, LabelRecord } from "./objects.ts";

const HTTP = { name: "http", protocol: "TCP", port: 80 } as const;
const DNS = { name: "dns", protocol: "UDP", port: 53 } as const;

describe("classOf()", () => {
  test.each<[LabelRecord, string]>([
    [{}, "pods-"],
    [{ tier: "front" }, "front-"],
    [{ tier: "" }, "pods-"],
    [{ a: "first", app: "web" }, "web-"],
    [{ app: "web", "app.kubernetes.io/name": "nginx" }, "nginx-"],
    [{ app: "a".repeat(63) }, `${"a".repeat(40)}-`],
  ])("name of %j starts with %s", (labels, stem) => {
    const { name } = classOf(labels, []);
    expect(name).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/);
    expect(name).toMatch(new RegExp(`^${stem}[0-9a-f]{16}$`));
  });
  test("a name does not change from one version to the next: it is in rules and stores", () => {
    expect(classOf({ app: "web", tier: "front" }, [HTTP]).name).toBe("web-b4c25e4a51682d07");
  });
  test.each([...IGNORED_LABELS])("%s makes no difference", (key) => {
    expect(classOf({ app: "web", [key]: "5d4f8" }, [])).toEqual(classOf({ app: "web" }, []));
  });
  test("other keys are ignored when asked for", () => {
    const ignored = new Set(["shard"]);
    const labels = { app: "web", shard: "7", "pod-template-hash": "x" };
    expect([...classOf(labels, [], ignored).labels.keys()]).toEqual(["app", "pod-template-hash"]);
  });
  test("ports are numbers of protocols, sorted; the first of a name and protocol counts", () => {
    const again = { ...HTTP, port: 8080 };
    expect(classOf({}, [HTTP, again, DNS, { ...HTTP, protocol: "SCTP" }]).ports).toEqual([
      { name: "dns", protocol: 17, port: 53 },
      { name: "http", protocol: 6, port: 80 },
      { name: "http", protocol: 132, port: 80 },
    ]);
  });

  const label = fc.constantFrom("a", "b", "c=", "");
  const labels = fc.dictionary(fc.constantFrom("a", "b", "c"), label);
  const ports = fc.uniqueArray(
    fc.constantFrom<KubernetesPod["ports"][number]>(HTTP, DNS, { ...DNS, port: 54 }),
    {
      selector: ({ name }) => name,
    },
  );
  test("two pods are of one class just when labels and ports are equal, in whatever order", () => {
    const canonical = (of: LabelRecord, at: KubernetesPod["ports"]): string[] => [
      ...Object.entries(of)
        .map(([key, value]) => `label ${key} ${value}`)
        .toSorted(),
      ...at.map(({ name, protocol, port }) => `port ${name} ${protocol} ${port}`).toSorted(),
    ];
    fc.assert(
      fc.property(labels, ports, labels, ports, (labelsA, portsA, labelsB, portsB) => {
        const [a, b] = [classOf(labelsA, portsA), classOf(labelsB, portsB)];
        const isEqual = canonical(labelsA, portsA).join() === canonical(labelsB, portsB).join();
        expect([a.key === b.key, a.name === b.name]).toEqual([isEqual, isEqual]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("createClassifier()", () => {
  test("says the same as classOf(), and makes each class once", () => {
    const classify = createClassifier();
    const pod = { labels: { b: "1", a: "2" }, ports: [HTTP, DNS] };
    expect(classify(pod)).toEqual(classOf(pod.labels, pod.ports));
    expect(classify(pod)).toBe(classify({ labels: { a: "2", b: "1" }, ports: [DNS, HTTP] }));
  });
});
