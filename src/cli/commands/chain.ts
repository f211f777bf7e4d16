import type { Client } from "../../client/index.ts";
import { hasCode, segmentPlaceText } from "../../model/index.ts";
import {
  type BodyOf,
  type ChainResource,
  type CONTRACT,
  encodeChainFrom,
  encodeChainFunction,
  encodeChainResource,
  encodeChainTo,
} from "../../schema/index.ts";
import {
  chainFromOf,
  chainFromText,
  chainFunctionsOf,
  chainFunctionText,
  chainToOf,
  chainToText,
} from "../chain-words.ts";
import type { Input, Noun, Option } from "../command.ts";
import { bodiesOf } from "../create.ts";
import { wrongInput } from "../input.ts";
import {
  changeOptions,
  DRY_RUN_OPTION,
  deleteCommand,
  dryRunQuery,
  FILE_OPTION,
  listAll,
  listResult,
  outcomeResult,
  REVISION_OPTION,
  type Resource,
  showResult,
} from "../resource.ts";
import { patchOf } from "../words.ts";

const CHAIN: Resource<ChainResource> = {
  noun: "chain",
  columns: [
    { title: "name", value: ({ name }) => name },
    { title: "from", value: ({ from }) => chainFromText(encodeChainFrom(from)) },
    { title: "to", value: ({ to }) => chainToText(encodeChainTo(to)) },
    { title: "through", value: ({ through }) => through.map(functionText).join(" > ") },
    { title: "direction", value: ({ direction }) => direction },
    { title: "network", value: ({ network }) => network, wide: true },
    { title: "places", value: ({ places: { forward } }) => forward.join(", "), wide: true },
    { title: "places back", value: ({ places: { reverse } }) => reverse?.join(", "), wide: true },
    { title: "external ID", value: ({ externalId }) => externalId, wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (chain) => encodeChainResource(chain, chain.revision),
};

/** Hosts whose status is asked for at a time. */
const HOSTS_AT_ONCE = 20;

const FIELD_OPTIONS: readonly Option[] = [
  {
    name: "from",
    value: "WHO",
    summary: "Who sends: TENANT/SEGMENT, TENANT, a prefix, or any",
    complete: "segment",
  },
  { name: "to", value: "WHO", summary: "Who receives: TENANT/SEGMENT, or a service", complete: "segment" },
  {
    name: "through",
    value: "TENANT/SEGMENT[,open|,closed][,CHECK]",
    many: true,
    summary:
      "A function, in order; without a healthy endpoint traffic is dropped (closed) or passes without it (open)",
  },
  {
    name: "direction",
    value: "WORD",
    choices: ["both", "forward"],
    summary: "Whether what goes back passes the functions, too (both, when left out at first)",
  },
  { name: "external-id", value: "TEXT", summary: "Its identifier in the orchestrator" },
];

type Body = BodyOf<typeof CONTRACT.createChain>;

/** `romana chain`. */
export const chain: Noun = {
  name: "chain",
  summary: "Chains: functions that traffic passes, in order",
  connection: "romanad",
  commands: [
    {
      verb: "create",
      summary: "Create a chain, or those of a file",
      arguments: [{ name: "name", summary: "Name of the chain", optional: true }],
      options: [
        { name: "network", value: "NETWORK", summary: "Needed among several networks", complete: "network" },
        ...FIELD_OPTIONS,
        FILE_OPTION,
      ],
      examples: [
        "romana chain create inspected --from shop/web --to shop/db --through guard/firewall",
        "romana chain create edge --from any --to web --through guard/firewall,tcp:22 --through guard/ids,open",
        "romana chain create audit --from shop --to data/db --through audit/recorder,open,http:8080/up --direction forward",
        "romana chain create -f chains.yaml",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const { bodies, single } = bodiesOf<Body>(input, "name", (name) => bodyOf(input, name));
        const outcomes = [];
        for (const body of bodies) {
          const { status, result } = await client.callWithStatus("createChain", { body });
          outcomes.push({ status, object: result });
        }
        return outcomeResult(CHAIN, outcomes, single);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the chains",
      examples: ["romana chain list", "romana chain list -o wide"],
      run: async (_, context) => {
        const client = await context.client();
        return listResult(CHAIN, await listAll((query) => client.call("listChains", { query })));
      },
    },
    {
      verb: "show",
      summary: "Show a chain, the healthy endpoints of its functions, and hosts that do not reach them",
      arguments: [{ name: "name", summary: "Name of the chain", complete: "chain" }],
      examples: ["romana chain show inspected", "romana chain show inspected -o json"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { name: input.argument("name") };
        const object = await client.call("getChain", { params });
        const [functions, problems] = [
          await functionsOf(client, object),
          await problemsOf(client, object.through),
        ];
        return showResult(CHAIN, object, {
          data: { functions, problems },
          fields: [
            ...functions.map(({ tenant, segment, healthy, without }): [string, string] => [
              `${tenant}/${segment}`,
              healthy > 0 ? `${healthy} healthy` : `none healthy: ${without}`,
            ]),
            ...problems.map(({ host, problem }): [string, string] => [`host ${host}`, problem]),
          ],
        });
      },
    },
    {
      verb: "update",
      summary: "Change whose traffic a chain takes, and through what",
      arguments: [{ name: "name", summary: "Name of the chain", complete: "chain" }],
      options: [
        ...FIELD_OPTIONS,
        { name: "no-external-id", summary: "Take the external ID away" },
        REVISION_OPTION,
      ],
      examples: [
        "romana chain update inspected --through guard/firewall --through guard/ids,open",
        "romana chain update inspected --direction forward",
      ],
      run: async (input, context) => {
        const client = await context.client();
        const params = { name: input.argument("name") };
        const body = {
          ...fieldsOf(input),
          ...(input.flag("no-external-id") && { externalId: null }),
        };
        const object = await client.call("updateChain", { params, body }, changeOptions(input));
        return outcomeResult(CHAIN, [{ object }], true);
      },
    },
    deleteCommand(
      "chain",
      "chain",
      [DRY_RUN_OPTION],
      ["romana chain delete inspected"],
      (client, name, input) =>
        client.call("deleteChain", { params: { name }, query: dryRunQuery(input) }, changeOptions(input)),
    ),
  ],
};

/** @throws RomanaError `invalid-input` for an end or functions that are missing. */
function bodyOf(input: Input, name: string): Body {
  const { from, to, through, ...rest } = fieldsOf(input);
  if (from === undefined) throw wrongInput("--from", "is missing");
  if (to === undefined) throw wrongInput("--to", "is missing");
  if (through === undefined) throw wrongInput("--through", "is missing");
  return { name, ...patchOf({ network: input.text("network") }), from, to, through, ...rest };
}

function fieldsOf(
  input: Input,
): ReturnType<typeof patchOf<Pick<Body, "from" | "to" | "through" | "direction" | "externalId">>> {
  return patchOf({
    from: chainFromOf(input.text("from")),
    to: chainToOf(input.text("to")),
    through: chainFunctionsOf(input.list("through")),
    direction: input.text("direction") as Body["direction"],
    externalId: input.text("external-id"),
  });
}

function functionText(one: ChainResource["through"][number]): string {
  return chainFunctionText(encodeChainFunction(one));
}

/** The functions of a chain with the number of their healthy endpoints, and what happens without any. */
async function functionsOf(client: Client, { network, through }: ChainResource) {
  const all = await listAll((query) => client.call("listBackends", { query }));
  const byPlace = new Map(all.map((one) => [segmentPlaceText(one), one.backends.length]));
  return through.map(({ tenant, segment, fail }) => ({
    tenant,
    segment,
    healthy: byPlace.get(segmentPlaceText({ network, tenant, segment })) ?? 0,
    without: fail === "open" ? "traffic passes without it" : "traffic is dropped",
  }));
}

/** What hosts say about chains as a whole. */
const OF_CHAINS = /^(Chains|Functions of chains) /;

/** What hosts say about functions that they do not reach, or why they enforce no chain. */
async function problemsOf(client: Client, through: ChainResource["through"]) {
  const names = through.map(({ tenant, segment }) => `function "${tenant}/${segment}"`);
  const hosts = await listAll((query) => client.call("listHosts", { query }));
  const found: { host: string; problem: string }[] = [];
  for (let start = 0; start < hosts.length; start += HOSTS_AT_ONCE) {
    const some = hosts.slice(start, start + HOSTS_AT_ONCE);
    const told = await Promise.all(some.map(({ name }) => problemsOfHost(client, name)));
    for (const [index, problems] of told.entries()) {
      const own = problems.filter(
        (problem) => OF_CHAINS.test(problem) || names.some((name) => problem.includes(name)),
      );
      found.push(...own.map((problem) => ({ host: some[index]?.name ?? "", problem })));
    }
  }
  return found;
}

/** None of a host whose agent never reported. */
async function problemsOfHost(client: Client, host: string): Promise<readonly string[]> {
  try {
    return (await client.call("getHostStatus", { params: { host } })).problems;
  } catch (error) {
    if (hasCode(error, "not-found")) return [];
    throw error;
  }
}
