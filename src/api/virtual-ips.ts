import type { Control } from "../control/index.ts";
import { encodeAddressPair, encodeVirtualIpDetails } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on virtual IPs, and the heartbeats of those that may hold them. */
export function virtualIpHandlers(
  control: Control,
): Handlers<
  | "listVirtualIps"
  | "createVirtualIp"
  | "getVirtualIp"
  | "updateVirtualIp"
  | "deleteVirtualIp"
  | "sendHeartbeat"
> {
  const { virtualIps } = control;
  return {
    async listVirtualIps({ query }) {
      return { body: encodePage(await virtualIps.list(query), encodeVirtualIpDetails) };
    },
    async createVirtualIp({ body }) {
      const created = await virtualIps.create(body);
      return creationAnswer(created, encodeVirtualIpDetails, `/v1/virtual-ips/${body.name}`);
    },
    async getVirtualIp({ params }) {
      return objectAnswer(await virtualIps.get(params.name), encodeVirtualIpDetails);
    },
    async updateVirtualIp({ params, body, change }) {
      return objectAnswer(await virtualIps.update(params.name, body, change), encodeVirtualIpDetails);
    },
    async deleteVirtualIp({ params, query, change }) {
      return deletionAnswer(await virtualIps.delete(params.name, { ...query, ...change }));
    },
    async sendHeartbeat({ params, body }) {
      const { hold, next } = control.beat(params.host, body);
      const holding = hold.map(({ name, addresses }) => ({ name, addresses: encodeAddressPair(addresses) }));
      return { body: { hold: holding, next } };
    },
  };
}
