import { DurableObject } from "cloudflare:workers";
import * as machines from "./machine.ts";
import type { BreakerRules } from "./options.ts";
import { type BreakerView, type Standing, standingOf, viewOf } from "./view.ts";

/** A question for one call. The id is the caller's, so that asking twice gives one permit. */
export interface Acquire extends BreakerRules {
  readonly id: string;
  /** For how long the call can last, in ms. */
  readonly callMs: number;
}

/** Storage key of the machine. */
const MACHINE = "machine";
/** A report may be on its way for so long, in ms, before its permit counts as lost. */
const REPORT_MS = 5_000;

/**
 * The breaker of one tenant and one system. What changes is written down before it is answered, so
 * that an object that is evicted goes on where it was.
 */
export class CircuitBreaker extends DurableObject {
  #machine: machines.Machine | undefined;

  /** Asks to make one call. */
  async acquire({
    id,
    callMs,
    ...rules
  }: Acquire): Promise<Standing & { readonly isPermitted: boolean }> {
    const terms = termsOf(rules);
    const lease = { id, leaseMs: callMs + REPORT_MS };
    const { machine, isPermitted } = machines.acquire(this.#load(terms), lease, terms);
    this.#keep(machine);
    return { ...standingOf(machine, terms), isPermitted };
  }

  /** Tells how a permitted call ended. */
  async report({ options, order, ...call }: machines.Report & BreakerRules): Promise<Standing> {
    const terms = termsOf({ options, order });
    const machine = machines.report(this.#load(terms), call, terms);
    this.#keep(machine);
    return standingOf(machine, terms);
  }

  /** Follows the order, and shows itself. Who only looks leaves nothing in an object that is new. */
  async view(rules: BreakerRules): Promise<BreakerView> {
    const terms = termsOf(rules);
    const there = this.#there();
    const before = there ?? machines.newMachine(rules.options, terms.now);
    const machine = machines.advance(before, terms);
    if (there || machine !== before) this.#keep(machine);
    return viewOf(machine, terms);
  }

  /** Leaves nothing: its tenant is gone for good. */
  async erase(): Promise<void> {
    this.#machine = undefined;
    await this.ctx.storage.deleteAll();
  }

  #there(): machines.Machine | undefined {
    this.#machine ??= this.ctx.storage.kv.get<machines.Machine>(MACHINE);
    return this.#machine;
  }

  #load({ options, now }: machines.Terms): machines.Machine {
    return this.#there() ?? this.#keep(machines.newMachine(options, now));
  }

  #keep(machine: machines.Machine): machines.Machine {
    if (machine !== this.#machine) this.ctx.storage.kv.put(MACHINE, machine);
    this.#machine = machine;
    return machine;
  }
}

function termsOf({ options, order }: BreakerRules): machines.Terms {
  return { options, order, now: Date.now(), random: Math.random() };
}
