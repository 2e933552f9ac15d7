-- The audit log only grows. These guard against mistakes; seals find tampering.
CREATE TRIGGER `audit_log_no_update` BEFORE UPDATE ON `audit_log`
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only: update');
END;
--> statement-breakpoint
CREATE TRIGGER `audit_log_no_delete` BEFORE DELETE ON `audit_log`
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only: delete');
END;
--> statement-breakpoint
-- INSERT OR REPLACE would pass the two above by.
CREATE TRIGGER `audit_log_no_replace` BEFORE INSERT ON `audit_log`
WHEN EXISTS (
  SELECT 1 FROM `audit_log`
  WHERE `id` = NEW.`id` OR `seq` = NEW.`seq` OR `sum_key` = NEW.`sum_key`
    OR (`commit_id` = NEW.`commit_id` AND `ordinal` = NEW.`ordinal`)
)
BEGIN
  SELECT RAISE(ABORT, 'audit_log is append-only: replace');
END;
--> statement-breakpoint
-- Private data may be erased, never rewritten.
CREATE TRIGGER `audit_private_no_update` BEFORE UPDATE ON `audit_private`
BEGIN
  SELECT RAISE(ABORT, 'audit_private is write-once: update');
END;
--> statement-breakpoint
CREATE TRIGGER `audit_private_no_replace` BEFORE INSERT ON `audit_private`
WHEN EXISTS (SELECT 1 FROM `audit_private` WHERE `audit_id` = NEW.`audit_id`)
BEGIN
  SELECT RAISE(ABORT, 'audit_private is write-once: replace');
END;
