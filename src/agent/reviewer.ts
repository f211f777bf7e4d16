import type { AttachmentRecord } from "../schema/index.ts";
import type { Kernel } from "../system/kernel.ts";
import { adoptAttachments } from "./adoption.ts";
import type { Attacher } from "./attacher.ts";
import type { Follower } from "./follower.ts";
import { endpointKey } from "./host-knowledge.ts";
import { endpointLocks, isSameEndpoint, type ReleaserSite } from "./releaser.ts";

/** What a {@link Reviewer} works with. */
export interface ReviewerOptions extends Pick<ReleaserSite, "journal" | "attachments" | "locks"> {
  readonly kernel: Kernel;
  readonly attacher: Pick<Attacher, "drop">;
  readonly follower: Pick<Follower, "knowledge" | "connection">;
  readonly takesRelocated: boolean;
}

/** Holds the attachments against what romanad says about the host's endpoints. */
export class Reviewer {
  readonly #options: ReviewerOptions;

  constructor(options: ReviewerOptions) {
    this.#options = options;
  }

  /**
   * An endpoint came, changed or went at romanad, or there is a new snapshot: what became of its attachment. One
   * whose endpoint was released is taken away.
   */
  async review(key: string): Promise<"unchanged" | "updated" | "dropped"> {
    const { attachments, attacher, locks } = this.#options;
    const attachment = attachments.get(key);
    if (attachment === undefined || attachment.isReleasing) return "unchanged";
    if (this.#isGone(attachment)) {
      const isDropped = await attacher.drop(key, (candidate) => this.#isGone(candidate));
      return isDropped ? "dropped" : "unchanged";
    }
    if (!this.#isOutdated(attachment)) return "unchanged";
    return locks.run(endpointLocks(attachment.endpoint), () => this.#update(key));
  }

  /** Finds out what is attached when there is no memory of it, and remembers it. */
  adopt(): { readonly count: number; readonly kept: Promise<void> } {
    const { kernel, journal, attachments, follower, takesRelocated } = this.#options;
    const { knowledge } = follower;
    if (knowledge === undefined) return { count: 0, kept: Promise.resolve() };
    const adopted = adoptAttachments(kernel, knowledge, attachments, takesRelocated);
    for (const attachment of adopted) attachments.put(attachment);
    const keep = async (): Promise<void> => {
      await Promise.all(adopted.map((attachment) => journal.keep(attachment)));
      await journal.keepAdoptable(knowledge.revision);
    };
    return { count: adopted.length, kept: keep() };
  }

  async #update(key: string): Promise<"unchanged" | "updated"> {
    const { attachments, journal, follower } = this.#options;
    const attachment = attachments.get(key);
    const now = follower.knowledge?.endpoints.get(key);
    if (attachment === undefined || attachment.isReleasing || now === undefined) return "unchanged";
    const { revision, ...endpoint } = now;
    const changed = { ...attachment, endpoint, revision };
    await journal.keep(changed);
    attachments.put(changed);
    return "updated";
  }

  #isOutdated({ endpoint, revision }: AttachmentRecord): boolean {
    const now = this.#options.follower.knowledge?.endpoints.get(endpointKey(endpoint));
    return isSameEndpoint(now, endpoint) && now.revision > revision;
  }

  #isGone({ endpoint, revision }: AttachmentRecord): boolean {
    const { knowledge, connection } = this.#options.follower;
    if (knowledge === undefined || knowledge.revision < revision) return false;
    const now = knowledge.endpoints.get(endpointKey(endpoint));
    if (now !== undefined) return now.revision > revision && !isSameEndpoint(now, endpoint);
    // A store that lost what it knew has not released anything.
    return connection.lostRevision === undefined;
  }
}
