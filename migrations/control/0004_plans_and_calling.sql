ALTER TABLE `realm` ADD `plan` text DEFAULT 'standard' NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `limits` text;--> statement-breakpoint
ALTER TABLE `tenants` ADD `limits` text;--> statement-breakpoint
-- The tenants' own databases start with the usual plan: those on another are told by the job.
UPDATE `tenants` SET `version` = `version` + 1, `unsynced_since` = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE `plan` <> 'standard' AND `state` IN ('active', 'suspended');
