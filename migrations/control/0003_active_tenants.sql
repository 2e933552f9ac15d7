ALTER TABLE `tenants` ADD `active_at` integer;--> statement-breakpoint
CREATE INDEX `tenants_active` ON `tenants` (`cell`,`active_at`);