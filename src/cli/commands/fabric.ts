import { decodeFabric, encodeFabric, encodeFabricResource, type FabricResource } from "../../schema/index.ts";
import type { Noun } from "../command.ts";
import { readDocuments, withoutRevision } from "../documents.ts";
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

const CREATED = 201;

const FABRIC: Resource<FabricResource> = {
  noun: "fabric",
  columns: [
    { title: "name", value: ({ name }) => name },
    { title: "spines", value: ({ spines }) => spines.length, align: "right" },
    { title: "racks", value: ({ racks }) => racks.length, align: "right" },
    { title: "leaves", value: ({ racks }) => racks.flatMap(({ leaves }) => leaves).length, align: "right" },
    { title: "cables", value: ({ links }) => links.length, align: "right" },
    { title: "BFD", value: ({ bfd }) => (bfd ? `${bfd.intervalMs} ms x ${bfd.multiplier}` : "no") },
    { title: "host ASN", value: ({ hostAsn }) => hostAsn, align: "right", wide: true },
    { title: "revision", value: ({ revision }) => revision, align: "right", wide: true },
  ],
  encode: (fabric) => encodeFabricResource(fabric, fabric.revision),
};

/** `romana fabric`. */
export const fabric: Noun = {
  name: "fabric",
  summary: "The routers around the hosts: spines, leaves, cables",
  connection: "romanad",
  commands: [
    {
      verb: "put",
      summary: "Write the fabrics of a file, in place of those of the same names",
      options: [FILE_OPTION, REVISION_OPTION],
      examples: ["romana fabric put -f fabric.yaml", "romana fabric put -f fabric.yaml --revision 17"],
      run: async (input, context) => {
        const file = input.text("file");
        if (file === undefined) throw wrongInput("--file", "is missing: a fabric is a document");
        const fabrics = readDocuments(file).map((document) => decodeFabric(withoutRevision(document)));
        const client = await context.client();
        const outcomes = [];
        for (const document of fabrics) {
          const { status, result } = await client.callWithStatus(
            "putFabric",
            { params: { name: document.name }, body: encodeFabric(document) },
            changeOptions(input),
          );
          outcomes.push({ ...(status === CREATED && { status }), object: result });
        }
        return outcomeResult(FABRIC, outcomes, fabrics.length === 1);
      },
    },
    {
      verb: "list",
      aliases: ["ls"],
      summary: "List the fabrics",
      examples: ["romana fabric list", "romana fabric list -o wide"],
      run: async (_, context) => {
        const client = await context.client();
        return listResult(FABRIC, await listAll((query) => client.call("listFabrics", { query })));
      },
    },
    {
      verb: "show",
      summary: "Show a fabric; its routes and sessions: romana route show",
      arguments: [{ name: "name", summary: "Name of the fabric", complete: "fabric" }],
      examples: ["romana fabric show leaf-spine", "romana fabric show leaf-spine -o yaml"],
      run: async (input, context) => {
        const client = await context.client();
        const params = { name: input.argument("name") };
        return showResult(FABRIC, await client.call("getFabric", { params }));
      },
    },
    deleteCommand(
      "fabric",
      "fabric",
      [DRY_RUN_OPTION],
      ["romana fabric delete leaf-spine --dry-run", "romana fabric delete leaf-spine"],
      (client, name, input) =>
        client.call("deleteFabric", { params: { name }, query: dryRunQuery(input) }, changeOptions(input)),
    ),
  ],
};
