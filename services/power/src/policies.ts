import { Injectable } from "@nestjs/common";
import {
  sitePolicy,
  type NodeDraw,
  type PowerDomain,
  type RolePolicy,
  type SitePolicy,
} from "@outrider/contracts/fleet";
import type { NodeId } from "@outrider/contracts/ids";
import { OnMessage } from "@outrider/service-kit/on-message";

/** The power domain of a node. */
export interface DomainOf {
  readonly id: string;
  readonly domain: PowerDomain;
}

/** What the site declares for many nodes together, as inventory last said it. */
@Injectable()
export class Policies {
  #policy: SitePolicy | undefined;
  #domainOf = new Map<NodeId, DomainOf>();
  readonly #listeners: ((policy: SitePolicy) => void)[] = [];

  /** A policy that is cleared stays in force: a limit is not lifted by silence. */
  @OnMessage(sitePolicy)
  heard({ payload }: { readonly payload: SitePolicy }): void {
    this.take(payload);
  }

  /** Puts a policy into force, and tells whoever listens. */
  take(policy: SitePolicy): void {
    this.#policy = policy;
    this.#domainOf = new Map();
    for (const [id, domain] of Object.entries(policy.powerDomains)) {
      for (const node of domain.nodes) this.#domainOf.set(node, { id, domain });
    }
    for (const listener of this.#listeners) listener(policy);
  }

  /** Called with each policy that comes into force, and at once with the one that is. */
  onChange(listener: (policy: SitePolicy) => void): void {
    this.#listeners.push(listener);
    if (this.#policy) listener(this.#policy);
  }

  get current(): SitePolicy | undefined {
    return this.#policy;
  }

  /** The power domain that the supply of a node belongs to. */
  domainOf(node: NodeId): DomainOf | undefined {
    return this.#domainOf.get(node);
  }

  /** Policy of a role, where one is declared. */
  roleOf(role: string): RolePolicy | undefined {
    const roles = this.#policy?.roles;
    return roles && Object.hasOwn(roles, role) ? roles[role] : undefined;
  }

  /** The declared draw of a node, in watts. */
  drawOf(node: NodeId): NodeDraw | undefined {
    const draws = this.#policy?.draws;
    return draws && Object.hasOwn(draws, node) ? draws[node] : undefined;
  }
}
