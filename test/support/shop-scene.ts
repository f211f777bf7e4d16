import { type ControllerScene, type SceneOptions, startControllerScene } from "./controller-scene.ts";

/** A {@link ControllerScene} with namespace `shop`, settled. `before` happens once the namespace is there. */
export async function startShopScene(
  options: SceneOptions = {},
  before: (scene: ControllerScene) => void = () => {},
): Promise<ControllerScene> {
  const scene = await startControllerScene(options);
  scene.put("namespaces", { metadata: { name: "shop", uid: "ns-shop", labels: { env: "prod" } } });
  before(scene);
  await scene.settled();
  return scene;
}

/** Makes a pod of `shop` whose UID is `uid-NAME`. */
export function putPod(
  scene: ControllerScene,
  name: string,
  labels: object,
  more: { metadata?: object; spec?: object; status?: object } = {},
): void {
  scene.put("pods", {
    metadata: { name, namespace: "shop", uid: `uid-${name}`, labels, ...more.metadata },
    spec: { containers: [], ...more.spec },
    ...(more.status && { status: more.status }),
  });
}

/** What a listing has. */
export async function itemsOf<T>(answer: Promise<{ items: T[] }>): Promise<T[]> {
  return (await answer).items;
}

/** `ID: SEGMENT as ROLE (NAME)` of all workloads; names of classes without their hashes. */
export async function listWorkloads({ client }: ControllerScene): Promise<string[]> {
  const list = await itemsOf(client.call("listWorkloads", {}));
  return list
    .map(
      ({ id, segment, actsAs, name }) =>
        `${id}: ${short(segment)}${actsAs === undefined ? "" : ` as ${short(actsAs)}`} (${name})`,
    )
    .sort();
}

/** `NAME CODES` of all segments of `shop`; names of classes without their hashes. */
export async function listSegments({ client }: ControllerScene): Promise<string[]> {
  const list = await itemsOf(client.call("listSegments", { params: { tenant: "shop" } }));
  return list.map(({ name, codes }) => `${short(name)} ${codes.length}`).sort();
}

function short(text: string | undefined): string | undefined {
  return text?.replace(/-[0-9a-f]{16}$/, "-#");
}
