"""What a run will cost, before anything is trained: a rehearsal of its worlds without models."""

from hat_sim.forecast.forecast import Forecast, TargetForecast, forecast

__all__ = ["Forecast", "TargetForecast", "forecast"]
