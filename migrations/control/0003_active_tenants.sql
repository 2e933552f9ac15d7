ALTER TABLE `tenants` ADD `active_at` integer;--> statement-breakpoint
CREATE INDEX `tenants_cell` ON `tenants` (`cell`,`id`);