/** The connection between controller and Host: in order in each direction, late when a fault says so, lost when it is cut. */
import type { Observation } from '../model/observation.ts';
import type { Plan } from '../model/plan.ts';
import type { SimController } from './controller.ts';
import type { SimHost } from './host.ts';
import type { World } from './world.ts';

export class Link {
  /** What was said lately, for faults that say it again. */
  readonly saidPlans: { readonly epoch: number; readonly plan: Plan }[] = [];
  readonly saidObservations: Observation[] = [];
  /** Until when (virtual) nothing gets through and no connection can be made. */
  downUntil = 0;
  private readonly world: World;
  private toHostAt = 0;
  private toControllerAt = 0;

  constructor(world: World) {
    this.world = world;
  }

  connect(controller: SimController): void {
    const { world } = this;
    const { host } = world;
    if (host === null || !host.alive || !controller.alive || world.queue.now < this.downUntil || controller.host === host) return;
    controller.host = host;
    controller.connection += 1;
    const { connection } = controller;
    world.queue.after(1 + world.faults.linkDelayMs(), () => {
      if (!controller.alive || controller.connection !== connection || !host.alive) return;
      controller.connected(host.taken === null && host.instances.length === 0 ? null : host.observation());
    });
  }

  disconnect(controller: SimController): void {
    controller.host = null;
    controller.connection += 1;
  }

  /** Everyone who is not connected tries again. */
  restore(): void {
    for (const controller of this.world.controllers) this.connect(controller);
  }

  /** From the Host to every controller that is connected to it. */
  observe(observation: Observation): void {
    const { world } = this;
    this.saidObservations.push(observation);
    if (this.saidObservations.length > 8) this.saidObservations.shift();
    const lateMs = world.faults.linkDelayMs();
    for (const controller of world.controllers) {
      if (!controller.alive || controller.host !== world.host) continue;
      const { connection } = controller;
      const at = Math.max(this.toControllerAt, world.queue.now + lateMs);
      if (at === world.queue.now) {
        controller.observed(observation);
        continue;
      }
      this.toControllerAt = at;
      world.queue.after(at - world.queue.now, () => {
        if (controller.alive && controller.connection === connection) controller.observed(observation);
      });
    }
  }

  send(controller: SimController, plan: Plan): void {
    this.saidPlans.push({ epoch: controller.epoch, plan });
    if (this.saidPlans.length > 8) this.saidPlans.shift();
    this.deliver(controller, (host) => host.take(controller.epoch, plan));
  }

  forget(controller: SimController): void {
    this.deliver(controller, (host) => host.forget(controller.epoch));
  }

  private deliver(controller: SimController, action: (host: SimHost) => void): void {
    const { world } = this;
    const { host } = controller;
    if (host === null) return;
    const at = Math.max(this.toHostAt, world.queue.now + 1 + world.faults.linkDelayMs());
    this.toHostAt = at;
    host.later(at - world.queue.now, () => {
      if (world.host === host) action(host);
    });
  }
}
