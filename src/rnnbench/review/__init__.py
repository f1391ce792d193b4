"""The effects of a change: stages that run again, their causes and cost, and scores that differ."""
