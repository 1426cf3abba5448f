"""Greenroom: mentoring meetings around the dates that matter."""
