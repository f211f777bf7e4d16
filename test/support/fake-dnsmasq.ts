import type { Dnsmasq, DnsmasqFiles } from "../../src/system/dnsmasq.ts";

/** A dnsmasq that only notes what it is told. */
export class FakeDnsmasq implements Dnsmasq {
  /** What it was told, in order. */
  readonly calls: string[] = [];
  files: DnsmasqFiles | undefined;
  #onEnd: ((reason: string) => void) | undefined;

  readonly start = (files: DnsmasqFiles, onEnd: (reason: string) => void): Promise<void> => {
    this.calls.push("start");
    this.files = files;
    this.#onEnd = onEnd;
    return Promise.resolve();
  };

  readonly reload = (hosts: string): void => {
    this.calls.push("reload");
    if (this.files !== undefined) this.files = { ...this.files, hosts };
  };

  readonly stop = (): Promise<void> => {
    this.calls.push("stop");
    this.files = undefined;
    return Promise.resolve();
  };

  /** Ends as by itself. */
  die(reason: string): void {
    this.files = undefined;
    this.#onEnd?.(reason);
  }
}
