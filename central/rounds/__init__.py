"""What guards did and what came of it: scans, judged rounds, missed checkpoints, reports (巡更查詢、遺漏計算)."""
